// A real identity provider (oidc-provider, certified for OpenID Connect) for tests: node provider.mjs MODULES PORT CITY. Its people and their passwords are below.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [modules, port, city] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`).href);
const people = {
  wang: { sub: "u-1001", name: "王敏", preferred_username: "wang", groups: ["water-ops", "all"] },
  zhao: { sub: "u-1002", name: "赵强", preferred_username: "zhao", groups: ["all"] },
};
// its own pages ask for fonts of another site
const bye = (ctx, form) => {
  ctx.body = `<!doctype html><title>Provider</title>${form}<button type="submit" form="op.logoutForm" name="logout" value="yes">Yes, sign me out</button>`;
};
const gone = (ctx) => {
  ctx.body = "<!doctype html><title>Provider</title><p id=\"told\">signed out</p>";
};
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "citytwin",
      client_secret: "a secret:of the city",
      redirect_uris: [`${city}/api/signin/back`],
      post_logout_redirect_uris: [`${city}/`],
      backchannel_logout_uri: `${city}/api/signin/logout`,
      backchannel_logout_session_required: true,
    },
  ],
  scopes: ["openid", "profile", "groups"],
  claims: { openid: ["sub"], profile: ["name", "preferred_username"], groups: ["groups"] },
  cookies: { keys: ["of this test alone"] },
  fetch: (url, { dispatcher, ...options }) => fetch(url, options), // by itself it calls nobody on a loopback address, where the city is
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true, logoutSource: bye, postLogoutSuccessSource: gone } },
  interactions: { url: (_, interaction) => `/login/${interaction.uid}` },
  findAccount: (_, sub) => {
    const known = Object.values(people).find((p) => p.sub === sub);
    return known && { accountId: sub, claims: () => known };
  },
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope("openid profile groups");
    await grant.save();
    return grant;
  },
});

for (const event of ["backchannel.error", "server_error"]) provider.on(event, (_, error) => console.error(event, error));

const page = (uid, told) => `<!doctype html><meta charset="utf-8"><title>Provider</title><p id="told">${told}</p>
<form method="post" action="/login/${uid}"><input name="login"><input name="password" type="password"><button id="in">In</button></form>
<form method="post" action="/login/${uid}"><input type="hidden" name="cancel" value="1"><button id="cancel">Cancel</button></form>`;
const answer = provider.callback();
createServer(async (req, res) => {
  if (!req.url.startsWith("/login/")) return answer(req, res);
  try {
    const { uid } = await provider.interactionDetails(req, res);
    let told = "Who are you?";
    if (req.method === "POST") {
      let body = "";
      for await (const chunk of req) body += chunk;
      const given = new URLSearchParams(body);
      if (given.get("cancel")) return await provider.interactionFinished(req, res, { error: "access_denied" }, { mergeWithLastSubmission: false });
      const known = people[given.get("login")];
      if (known && given.get("password") === "of the provider") return await provider.interactionFinished(req, res, { login: { accountId: known.sub } }, { mergeWithLastSubmission: false });
      told = "wrong password";
    }
    res.setHeader("Content-Type", "text/html");
    res.end(page(uid, told));
  } catch (error) {
    res.statusCode = 400;
    res.end(String(error));
  }
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
// it ends with whoever started it
process.stdin.on("end", () => process.exit(0)).resume();
