/** The bundler turns an imported SVG file into its text. */
declare module '*.svg' {
  const svgstr: string;
  export default svgstr;
}
