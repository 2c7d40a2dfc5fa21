/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-FGS32XKX.js";import"./chunk-GSIW7KVN.js";import"./chunk-BVOEJPOB.js";import"./chunk-JNREPYV6.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-SB6IQAYS.js";export{a as openPlan};
