/*! With qrcode-generator (MIT): /page/vendor/qrcode.LICENSE */
