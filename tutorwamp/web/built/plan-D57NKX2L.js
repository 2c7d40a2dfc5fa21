/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-KKOZN6J2.js";import"./chunk-2KMQTNXL.js";import"./chunk-HL3WWMHM.js";import"./chunk-R3H6UTO2.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-EZRHMU3X.js";export{a as openPlan};
