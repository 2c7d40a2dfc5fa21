/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-N3FYEVZK.js";import"./chunk-HBORBOBR.js";import"./chunk-YLKVQNT6.js";import"./chunk-4AAZFAEX.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-MCENJUKF.js";export{a as openPlan};
