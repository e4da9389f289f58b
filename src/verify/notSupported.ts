/** What a case asks for and the program does not have. It is reported, and never passed. */
export class NotSupported extends Error {
  override name = 'NotSupported'
}
