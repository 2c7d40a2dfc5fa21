/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{F as n,ja as o}from"./chunk-EKYQS5EU.js";var r=new Set(["tutor","student","admin"]);function s({role:t}){return r.has(t)?n("span",{class:`role-badge ${t}`},o(`role.${t}`)):null}export{s as a};
