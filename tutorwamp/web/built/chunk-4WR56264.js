/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
import{H as n,ka as o}from"./chunk-GQTU2QGX.js";var r=new Set(["tutor","student","admin"]);function s({role:t}){return r.has(t)?n("span",{class:`role-badge ${t}`},o(`role.${t}`)):null}export{s as a};
