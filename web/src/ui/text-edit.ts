/** The words for correcting a stream. */

import type { Title } from "../api/contract";

export const editWords = {
  corrections: { zh: "数据订正", en: "Corrections" },
  corrections_hint: { zh: "原始读数保留在案；生效的是原始读数按顺序经过下列订正的结果。", en: "Readings as they came stay on record; in force is what these corrections, in order, make of them." },
  no_corrections: { zh: "尚无订正", en: "No corrections yet" },
  add_correction: { zh: "新增订正", en: "Add a correction" },
  pick_span: { zh: "在图上拖选时段", en: "Drag over the chart to choose the span" },
  edit_kind: { zh: "操作", en: "Step" },
  edit_flag: { zh: "设置质量标记", en: "Set the flag" },
  edit_set: { zh: "设为定值", en: "Set the value" },
  edit_shift: { zh: "平移", en: "Shift" },
  edit_scale: { zh: "乘以系数", en: "Scale" },
  edit_drift: { zh: "漂移订正", en: "Correct drift" },
  edit_delete: { zh: "撤回", en: "Withdraw" },
  edit_interpolate: { zh: "线性插补", en: "Interpolate" },
  edit_fill: { zh: "以其他测点填补", en: "Fill from another stream" },
  edit_value: { zh: "数值", en: "Value" },
  edit_by: { zh: "增加", en: "Add" },
  edit_factor: { zh: "系数", en: "Factor" },
  edit_first: { zh: "起点增加", en: "Add at the beginning" },
  edit_last: { zh: "终点增加", en: "Add at the end" },
  edit_stream: { zh: "测点编号", en: "Stream id" },
  edit_reason: { zh: "理由", en: "Reason" },
  preview: { zh: "预览", en: "Preview" },
  apply_edit: { zh: "执行订正", en: "Apply" },
  after_edit: { zh: "订正后", en: "After the correction" },
  edit_counts: { zh: "改动 {changed} 条，新增 {added} 条，撤回 {withdrawn} 条", en: "{changed} changed, {added} added, {withdrawn} withdrawn" },
  edit_undone: { zh: "已撤销", en: "undone" },
  states: { zh: "状态", en: "States" },
} as const satisfies Record<string, Title>;
