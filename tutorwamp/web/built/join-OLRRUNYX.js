/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a,b,c,d}from"./chunk-YFPS6UXN.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-WNBESMKU.js";export{c as JoinView,a as accept,d as codeInput,b as whyNot};
