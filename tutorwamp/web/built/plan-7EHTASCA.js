/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-3FKURJ5Y.js";import"./chunk-ZYG4HOSO.js";import"./chunk-44OSTL5T.js";import"./chunk-4FCLNDXJ.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-MZNG6KHY.js";export{a as openPlan};
