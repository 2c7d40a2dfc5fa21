/*! With wampy (MIT): /client/vendor/wampy.LICENSE; qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-CR4LZZAP.js";import"./chunk-H2QQQSHX.js";import"./chunk-N3MUCZLU.js";import"./chunk-GTJSLREE.js";import"./chunk-W6XHALAO.js";import"./chunk-SWA7OC3Y.js";import"./chunk-FWY2STOA.js";export{a as openPlan};
