/** The web app begins. */

import { render } from "preact";
import { App } from "./app/app";
import { listenToAlarms } from "./state/alarms";
import { askWho, me } from "./state/me";
import "./ui/styles/tokens.css";
import "./ui/styles/base.css";
import "./ui/styles/shell.css";
import "./ui/styles/parts.css";
import "./ui/styles/lists.css";
import "./ui/styles/map.css";
import "./ui/styles/review.css";
import "./ui/styles/record.css";
import "./ui/styles/work.css";
import "./ui/styles/health.css";
import "./ui/styles/alarm.css";
import "./ui/styles/case.css";
import "./ui/styles/public.css";
import "./ui/styles/people.css";
import "./ui/styles/notify.css";
import "./ui/styles/print.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
let listening = false;
me.subscribe((who) => {
  if (!who || listening) return;
  listening = true;
  listenToAlarms();
});
void askWho();
