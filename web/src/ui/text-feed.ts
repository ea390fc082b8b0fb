/** The words for feeds: sources that the city itself asks for readings. */

import type { Title } from "../api/contract";

export const feedWords = {
  feeds: { zh: "数据采集", en: "Feeds" },
  feed_none: { zh: "尚未配置采集源：在城市目录的 feeds.yaml 中声明", en: "No feeds yet: declare them in feeds.yaml in the city's home" },
  feed_folder: { zh: "投放文件夹", en: "Drop folder" },
  feed_pull: { zh: "HTTP 拉取", en: "HTTP pull" },
  feed_modbus: { zh: "Modbus 设备", en: "Modbus device" },
  feed_opcua: { zh: "OPC UA 服务器", en: "OPC UA server" },
  feed_waiting: { zh: "正常", en: "Well" },
  feed_asking: { zh: "正在采集", en: "Asking" },
  feed_failing: { zh: "失败，重试中", en: "Failing, trying again" },
  feed_at_fault: { zh: "配置有误，未运行", en: "Declaration at fault, not running" },
  feed_source: { zh: "来源", en: "Source" },
  feed_every: { zh: "采集间隔", en: "Asked every" },
  feed_success: { zh: "最近成功", en: "Last success" },
  feed_next: { zh: "下次采集", en: "Next" },
  feed_failures: { zh: "连续失败", en: "Failures in a row" },
  feed_rejected: { zh: "未收下的行", en: "Rows left out" },
  feed_held: { zh: "等待入库", en: "Waiting for the store" },
  feed_lost: { zh: "已放弃", en: "Given up" },
  feed_since_start: { zh: "自启动以来", en: "since the start" },
  feed_failure: { zh: "最近一次失败", en: "Last failure" },
  feed_faults: { zh: "配置错误", en: "Faults of the declaration" },
  feed_left_out: { zh: "最近一批未收下的行", en: "Rows left out of the last delivery" },
  feed_run: { zh: "立即采集", en: "Ask now" },
  feed_asked: { zh: "已请求，稍后更新", en: "Asked; this page follows" },
} as const satisfies Record<string, Title>;
