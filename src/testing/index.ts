/** The model of ctnetlink that the simulated kernel of the tests has. */
export { CtnetlinkModel } from './model.ts';
