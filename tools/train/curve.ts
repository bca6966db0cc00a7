import type { Epoch } from "./train.ts";

/** One line for each epoch, for spreadsheets and plots. */
export function curveCsv(curve: readonly Epoch[]): string {
  const lines = curve.map(({ loss, accuracy, heldOut, rate }, i) =>
    [i + 1, loss, accuracy, heldOut ?? "", rate].join(","),
  );
  return `${["epoch,loss,accuracy,held_out_accuracy,rate", ...lines].join("\n")}\n`;
}

const [WIDTH, HEIGHT] = [640, 360];
const MARGIN = { left: 56, right: 56, top: 24, bottom: 40 };
const PLOT = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };

/** Colours that differ in lightness, too. */
const LINES = { loss: "#b3431e", accuracy: "#1f6f8b", heldOut: "#8fbcd4" };

/** Loss (left, from 0), and error on what is learned from and on what is held out (right, in per cent), by the epoch. */
export function curveSvg(curve: readonly Epoch[], title: string): string {
  const most = (values: number[]) => Math.max(...values, Number.MIN_VALUE);
  const errors = curve.map(({ accuracy }) => 100 * (1 - accuracy));
  const heldOut = curve.flatMap((epoch) => (epoch.heldOut === null ? [] : [100 * (1 - epoch.heldOut)]));
  const losses = curve.map(({ loss }) => loss);
  const [topLoss, topError] = [most(losses), most([...errors, ...heldOut])];
  const x = (i: number) => MARGIN.left + (curve.length === 1 ? 0.5 : i / (curve.length - 1)) * PLOT.width;
  const y = (share: number) => MARGIN.top + (1 - share) * PLOT.height;
  const line = (values: number[], top: number, colour: string) => {
    const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value / top).toFixed(1)}`).join(" ");
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points}"/>`;
  };
  const text = (at: [number, number], anchor: string, content: string, colour = "#444") =>
    `<text x="${at[0]}" y="${at[1]}" text-anchor="${anchor}" fill="${colour}">${escapeXml(content)}</text>`;
  const [bottom, right] = [MARGIN.top + PLOT.height, MARGIN.left + PLOT.width];
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<path d="M${MARGIN.left} ${MARGIN.top}V${bottom}H${right}V${MARGIN.top}" fill="none" stroke="#999"/>`,
    text([WIDTH / 2, 16], "middle", title),
    text([MARGIN.left, HEIGHT - 22], "middle", "1"),
    text([right, HEIGHT - 22], "middle", `${curve.length}`),
    text([WIDTH / 2, HEIGHT - 22], "middle", "epoch"),
    text([MARGIN.left - 6, MARGIN.top + 10], "end", topLoss.toPrecision(3), LINES.loss),
    text([right + 6, MARGIN.top + 10], "start", `${topError.toPrecision(3)} %`, LINES.accuracy),
    text([MARGIN.left, HEIGHT - 6], "start", "loss", LINES.loss),
    text([WIDTH / 2, HEIGHT - 6], "middle", "error in training", LINES.accuracy),
    ...(heldOut.length > 0 ? [text([right, HEIGHT - 6], "end", "error, held out", LINES.heldOut)] : []),
    line(losses, topLoss, LINES.loss),
    line(errors, topError, LINES.accuracy),
    ...(heldOut.length > 0 ? [line(heldOut, topError, LINES.heldOut)] : []),
    "</svg>",
  ].join("\n")}\n`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
