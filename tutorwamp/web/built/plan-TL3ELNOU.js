/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-BXT2GG6N.js";import"./chunk-B3QVZERU.js";import"./chunk-OLBJXFZ6.js";import"./chunk-PGZNF7KT.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-ZZOABRWH.js";export{a as openPlan};
