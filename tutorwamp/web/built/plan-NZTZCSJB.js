/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-OQRXGCLD.js";import"./chunk-DPONWZB6.js";import"./chunk-CYOLFENV.js";import"./chunk-AIXNCCAY.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-7BKHYRYW.js";export{a as openPlan};
