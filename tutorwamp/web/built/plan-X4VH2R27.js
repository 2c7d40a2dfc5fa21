/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-4TNTGA3Z.js";import"./chunk-HIBLMQXC.js";import"./chunk-R56ZMR4U.js";import"./chunk-QQUEELYQ.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-WNBESMKU.js";export{a as openPlan};
