/** The frame around every page. */

import { language } from "../state/language";
import { ended, me } from "../state/me";
import { place } from "../state/route";
import { say } from "../ui/text";
import { Banner } from "./banner";
import { Nav } from "./nav";
import { routeOf } from "./routes";
import { SignIn, SignInAgain, Welcome } from "./sign-in";
import { Topbar } from "./topbar";

export function App() {
  if (place.value.path === "/welcome") return <Welcome />;
  const { page: Page, id, bare } = routeOf(place.value.path);
  if (bare) return <Page id={id} />;
  if (me.value === undefined) return null;
  if (me.value === null) return <SignIn />;
  return <House />;
}

function House() {
  const held = me.value?.must_secure ?? false;
  const { page: Page, id } = routeOf(held ? "/account" : place.value.path);
  return (
    <div class="shell" data-language={language.value}>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>
        {say("skip")}
      </a>
      <Topbar />
      {!held && <Nav />}
      <main id="main" class="main" tabIndex={-1}>
        {held && (
          <p class="must-secure" role="alert" data-testid="must-secure">
            {say("must_secure")}
          </p>
        )}
        <Page key={place.value.path} id={id} />
      </main>
      <Banner />
      {ended.value && <SignInAgain />}
    </div>
  );
}
