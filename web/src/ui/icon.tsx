/** Small drawings, 16 × 16, in the colour of the text around them. */

const strokes = {
  overview: "M2.5 2.5h4.5v6H2.5zM9 2.5h4.5v3.5H9zM2.5 10.5H7v3H2.5zM9 8h4.5v5.5H9z",
  map: "M2 4l4-1.5 4 1.5 4-1.5v9.5L10 13.5l-4-1.5-4 1.5zM6 2.5v9.5M10 4v9.5",
  drafts: "M9.5 2h-6v12h9V9M6 8.5h2M6 11h4M13.8 3.2 9.5 7.5 8.8 9.2l1.7-.7 4.3-4.3z",
  plans: "M3.5 2h9v12h-9zM6 5.5h4M6 8h4M6 10.5h2.5",
  tasks: "M2 4.2 3.3 5.5 5.6 2.8M8 4.2h6M2 8.7 3.3 10l2.3-2.7M8 8.7h6M2.5 12.2h2.2v2.2H2.5zM8 13.3h6",
  my_tasks: "M8 2.2a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2zM2.5 14c0-3 2.5-4.8 5.5-4.8M9.5 12l1.6 1.6 3-3.4",
  health: "M8 13.8 2.9 8.6a3.2 3.2 0 0 1 4.6-4.5l.5.5.5-.5a3.2 3.2 0 0 1 4.6 4.5zM4.6 8.2h1.6l1-1.8 1.5 3.2.9-1.4h1.8",
  streams: "M1.5 8.5h3l2-5 3 9 2-4h3",
  bell: "M4 11V7a4 4 0 0 1 8 0v4l1.3 1.5H2.7zM6.5 14.2h3",
  notify: "M4 11V7a4 4 0 0 1 8 0v4l1.3 1.5H2.7zM6.5 14.2h3M13 2.5l1.2 1.5M3 2.5 1.8 4",
  alarms: "M8 2.2 14.3 13.3H1.7zM8 6.5v3.2M8 11.4v.2",
  cases: "M2.5 4.5h11v9h-11zM6 4.5v-2h4v2M2.5 8.5h11",
  scorecards: "M3 2h10v12H3zM5.500 5h3M5.500 8h3M5.500 11h3M10.500 5h.5M10.500 8h.5M10.500 11h.5",
  draws: "M2.500 5.200 8 2.300l5.500 2.900v5.600L8 13.700l-5.500-2.900zM2.500 5.200 8 8l5.500-2.800M8 8v5.700M5 7.800v.2M11 9.300v.2",
  runs: "M2 13.5c3 0 3.5-9 6-9s3 5 6 5M2 2.5v11h12",
  indicators: "M3 13.5v-4M6.4 13.5v-8M9.7 13.5v-5.5M13 13.5v-11",
  packs: "M8 1.8 14 5v6l-6 3.2L2 11V5zM2 5l6 3.2L14 5M8 8.2v6",
  feeds: "M8 2v7M5 6.5 8 9.5l3-3M2.5 9.5v4h11v-4",
  systems: "M2.5 2.5h3.5v3.5H2.5zM10 2.5h3.5v3.5H10zM2.5 10h3.5v3.5H2.5zM10 10h3.5v3.5H10z",
  evidence: "M8 1.8l5.5 2v4.2c0 3.2-2.3 5.2-5.5 6.3-3.2-1.1-5.5-3.1-5.5-6.3V3.8zM5.5 8l1.8 1.8L10.7 6.3",
  assets: "M3 14V4l4-2v12M7 6l6 1.5V14M2 14h12",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3 14 14",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.5 9.5A6 6 0 1 1 6.5 2.5a4.7 4.7 0 0 0 7 7z",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  layers: "M8 2 14.5 5.5 8 9 1.5 5.5zM1.5 8.5 8 12l6.5-3.5M1.5 11 8 14.5l6.5-3.5",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
  fit: "M2.5 6v-3.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  north: "M8 1.8l3.7 11.7L8 11l-3.7 2.5z",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  arrow: "M3 8h10M9 4l4 4-4 4",
  right: "M6 3.5 10.5 8 6 12.5",
  down: "M3.5 6 8 10.5 12.5 6",
  people: "M8 8.2a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14c.4-3 2.600-4.300 5.500-4.300s5.100 1.300 5.500 4.300",
  audit: "M3.5 2h9v12h-9zM6 5h4M6 7.500h4M6 10h2M9.500 11.500l1 1 2-2.300",
  check: "M3 8.5l3.2 3.2L13 4.5",
} as const;

export type IconName = keyof typeof strokes;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={strokes[name]} />
    </svg>
  );
}
