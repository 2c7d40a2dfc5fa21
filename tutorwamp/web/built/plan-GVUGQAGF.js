/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-AXWG7MNB.js";import"./chunk-IBGXGKE5.js";import"./chunk-LMUP5M2U.js";import"./chunk-O7STG565.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-XHEWXCO5.js";export{a as openPlan};
