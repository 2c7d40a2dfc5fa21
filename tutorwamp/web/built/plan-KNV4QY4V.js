/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-EVU4BLYI.js";import"./chunk-RXJJJNRR.js";import"./chunk-EUAXYTKG.js";import"./chunk-IVDO736E.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-EBRY3LWU.js";export{a as openPlan};
