/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-5RY4Y3QK.js";import"./chunk-IQCU5AHS.js";import"./chunk-KYOYDBAB.js";import"./chunk-4ZDGAINW.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-PNJNT5VB.js";export{a as openPlan};
