/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a,b,c,d}from"./chunk-42QAMKB7.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-L6W2RRLN.js";export{c as JoinView,a as accept,d as codeInput,b as whyNot};
