/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-DFFS2YDN.js";import"./chunk-YXSGTCXX.js";import"./chunk-HJYPCA3Y.js";import"./chunk-FVK45SDU.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-VOGA2WUA.js";export{a as openPlan};
