/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-5YEW66J7.js";import"./chunk-GJVIMJ6J.js";import"./chunk-63JTW2VD.js";import"./chunk-2ROJKYGF.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-523R54TS.js";export{a as openPlan};
