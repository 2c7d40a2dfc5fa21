/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a,b,c,d}from"./chunk-IOJKPFLC.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-SB6IQAYS.js";export{c as JoinView,a as accept,d as codeInput,b as whyNot};
