/** Chips by the names that ESP Web Tools has for them (https://esphome.github.io/esp-web-tools/, "Creating your manifest"). */
export const ESP_CHIPS = {
  esp32: "ESP32",
  "esp32-c2": "ESP32-C2",
  "esp32-c3": "ESP32-C3",
  "esp32-c5": "ESP32-C5",
  "esp32-c6": "ESP32-C6",
  "esp32-c61": "ESP32-C61",
  "esp32-h2": "ESP32-H2",
  "esp32-p4": "ESP32-P4",
  "esp32-s2": "ESP32-S2",
  "esp32-s3": "ESP32-S3",
} as const;

export type EspChip = keyof typeof ESP_CHIPS;

/** A file of a partition's bytes, as a web page is told of it. */
export interface EspPart {
  /** What the page shows. */
  name: string;
  version: string;
  chip: EspChip;
  /** Relative to the manifest. */
  path: string;
  /** Where the partition lies in flash. */
  address: number;
}

/** A manifest for ESP Web Tools. It asks whether to erase the chip, which would lose the firmware: else a page does so unasked. */
export function espManifest({ name, version, chip, path, address }: EspPart): string {
  const builds = [{ chipFamily: ESP_CHIPS[chip], parts: [{ path, offset: address }] }];
  return `${JSON.stringify({ name, version, new_install_prompt_erase: true, builds }, undefined, 2)}\n`;
}
