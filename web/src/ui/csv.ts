/** Columns as a CSV file that spreadsheet programs read, Chinese included. */

type Cell = string | number | null | undefined;

const cell = (value: Cell): string => {
  const said = value === null || value === undefined ? "" : String(value);
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(said) && Number.isNaN(Number(said)) ? `'${said}` : said; // else a spreadsheet would compute it
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export const csv = (header: string[], rows: Cell[][]): string => [header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";

/** Hands a CSV file to the reader. The mark at its start tells spreadsheets that it is UTF-8. */
export function saveCsv(name: string, header: string[], rows: Cell[][]): void {
  const url = URL.createObjectURL(new Blob(["\ufeff", csv(header, rows)], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
