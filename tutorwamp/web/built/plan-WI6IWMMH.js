/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-YX6AMSCS.js";import"./chunk-NNZ5UU7H.js";import"./chunk-7CJP7ZXS.js";import"./chunk-MQ3W2TLL.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-SGOJDIUX.js";export{a as openPlan};
