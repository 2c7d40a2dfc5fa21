/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-U5HLDU6B.js";import"./chunk-6NPMMFU7.js";import"./chunk-NQOKOPWB.js";import"./chunk-NBUP7LVH.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-GQTU2QGX.js";export{a as openPlan};
