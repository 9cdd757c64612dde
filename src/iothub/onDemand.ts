/** Something that is made when it is first used, and closed if it ever was. */
export interface OnDemand<Part> {
  use: () => Promise<Part>;
  close: () => void;
}

export function onDemand<Part extends { close: () => void }>(make: () => Promise<Part>): OnDemand<Part> {
  let made: Promise<Part> | undefined;
  return {
    use: () => (made ??= make()),
    close: () => {
      void made?.then((part) => {
        part.close();
      });
    },
  };
}
