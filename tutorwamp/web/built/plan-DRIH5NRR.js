/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-T6L453LY.js";import"./chunk-RSCGLY6Q.js";import"./chunk-CGQUG6OP.js";import"./chunk-LIKFH6YV.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-KRTQXB6L.js";export{a as openPlan};
