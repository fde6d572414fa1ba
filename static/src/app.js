import "./htmx.js";
import "./confirm.js";
import "./copy.js";
import "./editor.js";
import "./live.js";
import "./menus.js";
import "./picker.js";
import "./sortable.js";
