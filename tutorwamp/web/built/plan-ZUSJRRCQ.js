/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-SJ3Y3CCQ.js";import"./chunk-JZ6IWQWG.js";import"./chunk-HSV2BER4.js";import"./chunk-Q27Y4SHH.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-ENE75VK3.js";export{a as openPlan};
