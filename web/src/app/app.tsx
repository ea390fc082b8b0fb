/** The frame around every page. */

import { language } from "../state/language";
import { place } from "../state/route";
import { say } from "../ui/text";
import { Banner } from "./banner";
import { Nav } from "./nav";
import { routeOf } from "./routes";
import { Topbar } from "./topbar";

export function App() {
  const { page: Page, id, bare } = routeOf(place.value.path);
  if (bare) return <Page id={id} />;
  return (
    <div class="shell" data-language={language.value}>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>
        {say("skip")}
      </a>
      <Topbar />
      <Nav />
      <main id="main" class="main" tabIndex={-1}>
        <Page key={place.value.path} id={id} />
      </main>
      <Banner />
    </div>
  );
}
