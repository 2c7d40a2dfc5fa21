/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-W54IOMY7.js";import"./chunk-573E62S7.js";import"./chunk-BV6YE64Y.js";import"./chunk-IVH7G4PN.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-EKYQS5EU.js";export{a as openPlan};
