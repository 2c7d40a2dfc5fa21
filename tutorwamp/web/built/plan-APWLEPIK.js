/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-57EHXAUP.js";import"./chunk-AJNECKD2.js";import"./chunk-BJDLASYJ.js";import"./chunk-WJWUJDKX.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-L6W2RRLN.js";export{a as openPlan};
