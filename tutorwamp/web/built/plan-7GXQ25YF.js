/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-5WC2ZDIK.js";import"./chunk-SYCGZ4QI.js";import"./chunk-5UCMSMTL.js";import"./chunk-UPDMDDRE.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-DSXN46D6.js";export{a as openPlan};
