/*! With wampy (MIT): /client/vendor/wampy.LICENSE; qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a,b,c,d}from"./chunk-352SI5QO.js";import"./chunk-W6XHALAO.js";import"./chunk-SWA7OC3Y.js";import"./chunk-FWY2STOA.js";export{c as JoinView,a as accept,d as codeInput,b as whyNot};
