/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-LTFDQS2L.js";import"./chunk-6FBVUU2E.js";import"./chunk-DA6DIHIM.js";import"./chunk-3J47HE37.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-YI45CLFL.js";export{a as openPlan};
