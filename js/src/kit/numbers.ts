/** Numbers as text: three significant digits, a true minus, thin spaces. */

export const MINUS = "\u2212";
/** Thin, and lines do not break at it. */
export const THIN = "\u202f";
export const TIMES = `${THIN}×${THIN}`;

const signed = (value: number, text: string) => (value < 0 ? MINUS : "") + text;

export function number(value: number, digits = 3): string {
  if (Number.isNaN(value)) return "NaN";
  const size = Math.abs(value);
  if (size === Infinity) return signed(value, "∞");
  if (size === 0) return "0";
  if (size >= 1e6 || size < 0.001) return signed(value, power(size, digits));
  return signed(value, size >= 1000 ? String(Math.round(size)) : String(Number(size.toPrecision(digits))));
}

function power(size: number, digits: number): string {
  const [mantissa, exponent] = size.toExponential(digits - 2).split("e");
  return `${Number(mantissa)}e${exponent.replace("+", "").replace("-", MINUS)}`;
}

/** A share as a percentage: `80.5 %`, below 0.1 `0.04 %`, then `<0.01 %`. */
export function percent(share: number, decimals = 1): string {
  const value = share * 100;
  if (Number.isNaN(value)) return "NaN";
  if (value >= 99.95) return `100${THIN}%`;
  if (value === 0) return `0${THIN}%`;
  if (value < 0.005) return `<0.01${THIN}%`;
  if (value < 0.1) return `${value.toFixed(2)}${THIN}%`;
  return `${value.toFixed(decimals)}${THIN}%`;
}

/** A change with its sign, to one decimal: `+50.7`, `−27.1`, `0`. */
export function points(change: number): string {
  if (Number.isNaN(change)) return "NaN";
  const text = Math.abs(change).toFixed(1);
  return text === "0.0" ? "0" : (change < 0 ? MINUS : "+") + text;
}

/** `27 × 27` */
export function extent(...sides: number[]): string {
  return sides.map(String).join(TIMES);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The nearest number from 0 to `top`. */
export const within = (value: number, top: number) => Math.max(0, Math.min(top, value));
