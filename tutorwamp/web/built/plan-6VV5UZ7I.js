/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{a}from"./chunk-NCGTW537.js";import"./chunk-NCPSLHQG.js";import"./chunk-N6NF4MQM.js";import"./chunk-Y4KTW7RI.js";import"./chunk-F5Z227TA.js";import"./chunk-WE6HWUPH.js";import"./chunk-SCGE4JBF.js";export{a as openPlan};
