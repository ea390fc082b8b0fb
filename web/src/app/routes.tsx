/** Which page stands at which address. */

import type { FunctionComponent } from "preact";
import { Account } from "./pages/account";
import { AlarmPage } from "./pages/alarm";
import { AlarmHealthPage } from "./pages/alarm-health";
import { AlarmHolds } from "./pages/alarm-holds";
import { Alarms } from "./pages/alarms";
import { AssetPage } from "./pages/asset";
import { Assets } from "./pages/assets";
import { CasePage } from "./pages/case";
import { Audit } from "./pages/audit";
import { CaseOpen } from "./pages/case-open";
import { CaseStatistics } from "./pages/case-statistics";
import { CaseTypes } from "./pages/case-types";
import { Cases } from "./pages/cases";
import { DrawPage } from "./pages/draw";
import { Draws } from "./pages/draws";
import { DraftPage } from "./pages/draft";
import { Drafts } from "./pages/drafts";
import { EvidencePage } from "./pages/evidence";
import { FeedPage } from "./pages/feed";
import { Feeds } from "./pages/feeds";
import { Health } from "./pages/health";
import { IndicatorPage } from "./pages/indicator";
import { Indicators } from "./pages/indicators";
import { MapPage } from "./pages/map";
import { MeasurePage } from "./pages/measure";
import { MyTasks } from "./pages/my-tasks";
import { NotFound } from "./pages/not-found";
import { Notifications } from "./pages/notifications";
import { Notify } from "./pages/notify";
import { Overview } from "./pages/overview";
import { PackPage } from "./pages/pack";
import { Packs } from "./pages/packs";
import { PeoplePage } from "./pages/people";
import { PlanPage } from "./pages/plan";
import { Plans } from "./pages/plans";
import { PublicPlanPage, PublicPlans } from "./pages/public";
import { ReportPage } from "./pages/report";
import { RunPage } from "./pages/run";
import { Runs } from "./pages/runs";
import { ScorecardPage } from "./pages/scorecard";
import { Scorecards } from "./pages/scorecards";
import { StreamPage } from "./pages/stream";
import { Streams } from "./pages/streams";
import { Systems } from "./pages/systems";
import { TargetPage } from "./pages/target";
import { Tasks } from "./pages/tasks";

export type PageOf = FunctionComponent<{ id: string }>;

const lists: Record<string, PageOf> = {
  "": Overview,
  map: MapPage,
  plans: Plans,
  drafts: Drafts,
  measures: Tasks,
  streams: Streams,
  "data-health": Health,
  alarms: Alarms,
  assets: Assets,
  cases: Cases,
  tasks: MyTasks,
  scorecards: Scorecards,
  draws: Draws,
  runs: Runs,
  indicators: Indicators,
  feeds: Feeds,
  notifications: Notifications,
  notify: Notify,
  packs: Packs,
  systems: Systems,
  evidence: EvidencePage,
  people: PeoplePage,
  audit: Audit,
  account: Account,
};

const items: Record<string, PageOf> = {
  alarms: AlarmPage,
  plans: PlanPage,
  drafts: DraftPage,
  targets: TargetPage,
  measures: MeasurePage,
  streams: StreamPage,
  assets: AssetPage,
  cases: CasePage,
  scorecards: ScorecardPage,
  draws: DrawPage,
  runs: RunPage,
  indicators: IndicatorPage,
  feeds: FeedPage,
  packs: PackPage,
};

/** Pages of a noun that are no item of it. */
const named: Record<string, PageOf> = {
  "alarms/holds": AlarmHolds,
  "alarms/health": AlarmHealthPage,
  "cases/new": CaseOpen,
  "cases/statistics": CaseStatistics,
  "cases/types": CaseTypes,
};

/** Pages for everybody, without the frame. */
const open: Record<string, PageOf> = { report: ReportPage, public: PublicPlans };
const openItems: Record<string, PageOf> = { public: PublicPlanPage };

export interface Route {
  page: PageOf;
  id: string;
  bare?: boolean;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function routeOf(path: string): Route {
  const [noun = "", id = "", ...rest] = path.slice(1).split("/");
  const bare = id === "" ? open[noun] : rest.length === 0 ? openItems[noun] : undefined;
  if (bare) return { page: bare, id: decoded(id), bare: true };
  const page = rest.length > 0 ? undefined : id === "" ? lists[noun] : (named[`${noun}/${id}`] ?? items[noun]);
  return { page: page ?? NotFound, id: decoded(id) };
}
