/*! With wampy (MIT): /client/vendor/wampy.LICENSE; qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
