/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-KKSCXRWT.js";import"./chunk-SDE3CXBI.js";import"./chunk-BG75WLVL.js";import"./chunk-DJRJF3NX.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-G5HMH4HQ.js";export{a as openPlan};
