/** The addresses of this app's pages. */

import { segment } from "../api/client";

export const to = {
  asset: (id: string): string => `/assets/${segment(id)}`,
  stream: (id: string): string => `/streams/${segment(id)}`,
  feed: (id: string): string => `/feeds/${segment(id)}`,
  indicator: (id: string): string => `/indicators/${segment(id)}`,
  plan: (id: string): string => `/plans/${segment(id)}`,
  target: (id: string): string => `/targets/${segment(id)}`,
  measure: (plan: string, id: string): string => `/measures/${segment(id.startsWith(`${plan}.`) ? id : `${plan}.${id}`)}`,
  draft: (id: string): string => `/drafts/${segment(id)}`,
  case: (id: string): string => `/cases/${segment(id)}`,
  scorecard: (id: string): string => `/scorecards/${segment(id)}`,
  draw: (id: string): string => `/draws/${segment(id)}`,
  run: (id: string): string => `/runs/${segment(id)}`,
  pack: (id: string): string => `/packs/${segment(id)}`,
  model: (id: string): string => `/runs?model=${segment(id)}`,
  system: (id: string): string => `/systems?q=${segment(id)}`,
  alarm: (id: string): string => `/alarms/${segment(id)}`,
  leaf: (index: number): string => `/evidence?leaf=${index}`,
  onMap: (id: string): string => `/map?asset=${segment(id)}`,
};
