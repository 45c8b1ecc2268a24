import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/shell.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { listen } from "./keys.ts";
import { followWidth } from "./screen.ts";
import { applyTheme } from "./theme.ts";
import { followHistory } from "./url.ts";

applyTheme();
followHistory();
followWidth();
listen(document);

const root = document.getElementById("app");
if (root) render(<App />, root);
