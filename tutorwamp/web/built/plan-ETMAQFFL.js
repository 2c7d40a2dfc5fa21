/*! With wampy (MIT): /client/vendor/wampy.LICENSE; qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-7FA2LRWM.js";import"./chunk-AY7END4G.js";import"./chunk-SSTGUOB3.js";import"./chunk-MBZN5BHN.js";import"./chunk-W6XHALAO.js";import"./chunk-SWA7OC3Y.js";import"./chunk-CJVG442D.js";export{a as openPlan};
