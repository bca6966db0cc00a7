import { readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Who made a port's USB device, and which it is; neither of a port that is none. */
export interface UsbIds {
  usbVendorId?: number;
  usbProductId?: number;
}

/** What is asked of the class SerialPort of the package `serialport`. */
export interface SerialList {
  list(): Promise<{ path: string; vendorId?: string; productId?: string }[]>;
}

/** Of a port, by Linux's own files; elsewhere as `serialport` lists them: on Linux it runs udevadm, and dies where there is none. */
export async function usbIds({ list }: SerialList, path: string): Promise<UsbIds> {
  if (process.platform === "linux") return sysfsIds(path);
  const usb = (await list()).find((each) => each.path === path);
  return idsOf(usb?.vendorId, usb?.productId);
}

/** The ids stand in the nearest folder of a USB device above that of the terminal (https://docs.kernel.org/filesystems/sysfs.html). */
export function sysfsIds(path: string, terminals = "/sys/class/tty"): UsbIds {
  try {
    let folder = realpathSync(join(terminals, basename(realpathSync(path)), "device"));
    for (; folder !== dirname(folder); folder = dirname(folder)) {
      const [vendor, product] = ["idVendor", "idProduct"].map((name) => textOf(join(folder, name)));
      if (vendor !== undefined) return idsOf(vendor, product);
    }
  } catch {
    // No such terminal: opening it says so.
  }
  return {};
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

/** Of hexadecimal digits. */
function idsOf(vendor: string | undefined, product: string | undefined): UsbIds {
  if (vendor === undefined || product === undefined) return {};
  return { usbVendorId: Number.parseInt(vendor, 16), usbProductId: Number.parseInt(product, 16) };
}
