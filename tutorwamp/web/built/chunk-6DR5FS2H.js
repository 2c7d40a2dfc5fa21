/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
<<<<<<<< HEAD:tutorwamp/web/built/chunk-6DR5FS2H.js
import{b as i,e as f}from"./chunk-SCGE4JBF.js";function c(r,o,e){return async(a,t={})=>{for(;;)try{return await r.call(`tutorwamp.${a}`,{lesson_id:o,...t},{signal:e})}catch(n){if(n.action!=="retry"||e.aborted)throw n;r.hasArrived?await i(f(n.retryAfter)):await d(r,e)}}}function d(r,o){return new Promise(e=>{let a=r.on("arrived",t);o.addEventListener("abort",t);function t(){a(),o.removeEventListener("abort",t),e()}})}export{c as a};
========
import{b as i,e as f}from"./chunk-VOGA2WUA.js";function c(r,o,e){return async(a,t={})=>{for(;;)try{return await r.call(`tutorwamp.${a}`,{lesson_id:o,...t},{signal:e})}catch(n){if(n.action!=="retry"||e.aborted)throw n;r.hasArrived?await i(f(n.retryAfter)):await d(r,e)}}}function d(r,o){return new Promise(e=>{let a=r.on("arrived",t);o.addEventListener("abort",t);function t(){a(),o.removeEventListener("abort",t),e()}})}export{c as a};
>>>>>>>> c1764ee (An answer does not take back what was told while it was on its way: hands and timer change without a version):tutorwamp/web/built/chunk-WMBDKXK6.js
