/** Place names drawn by the browser: no glyph files are needed, for any script. */

const ratio = 2;
const size = 12;
const padding = 4;

/** The image of a text with a halo. */
export function labelImage(text: string, colour: string, halo: string): ImageData | null {
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen || text === "") return null;
  const font = `500 ${size * ratio}px ${getComputedStyle(document.body).fontFamily}`;
  pen.font = font;
  canvas.width = Math.ceil(pen.measureText(text).width) + 2 * padding * ratio;
  canvas.height = (size + 2 * padding) * ratio;
  pen.font = font;
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.lineWidth = 3 * ratio;
  pen.strokeStyle = halo;
  pen.fillStyle = colour;
  pen.strokeText(text, padding * ratio, canvas.height / 2);
  pen.fillText(text, padding * ratio, canvas.height / 2);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

export const pixelRatio = ratio;
