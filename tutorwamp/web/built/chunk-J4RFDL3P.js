/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{H as n,la as o}from"./chunk-YI45CLFL.js";var r=new Set(["tutor","student","admin"]);function s({role:t}){return r.has(t)?n("span",{class:`role-badge ${t}`},o(`role.${t}`)):null}export{s as a};
